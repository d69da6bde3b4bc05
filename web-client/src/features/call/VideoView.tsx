import { useContext, useEffect, useRef, useState } from "react";

import type { TrackSource } from "../../api/messages";
import { cx } from "../../lib/classes";
import { ViewContext } from "./view";

interface VideoViewProps {
  track: MediaStreamTrack;
  participant: string;
  source: TrackSource;
  /** Read aloud: whose picture this is. */
  label: string;
  mirrored?: boolean;
  /** Show all of it, such as a shared screen; else it fills its place. */
  whole?: boolean;
  onPlaying?: () => void;
}

/** One picture. Sound is played elsewhere, so that a browser never holds the picture back. */
export function VideoView(props: VideoViewProps) {
  const { track, participant, source, label, mirrored = false, whole = false, onPlaying } = props;
  const video = useRef<HTMLVideoElement>(null);
  // A phone held upright sends an upright picture: cropping it to a wide tile would cut the head off.
  const [upright, setUpright] = useState(false);
  const view = useContext(ViewContext);
  useEffect(() => {
    if (video.current) video.current.srcObject = new MediaStream([track]);
  }, [track]);
  useEffect(() => {
    const element = video.current;
    return element === null ? undefined : view?.watch(element, { participant, source });
  }, [view, participant, source]);
  return (
    <video
      ref={video}
      aria-label={label}
      data-participant={participant}
      data-source={source}
      autoPlay
      muted
      playsInline
      onPlaying={onPlaying}
      onResize={({ currentTarget: { videoWidth, videoHeight } }) => setUpright(videoHeight > videoWidth)}
      className={cx("size-full", whole || upright ? "object-contain" : "object-cover", mirrored && "-scale-x-100")}
    />
  );
}
