import { UserRound } from "lucide-react";

import { cx } from "../lib/classes";

const SIZE = { sm: "size-9 text-sm", md: "size-11 text-base", lg: "size-24 text-2xl" };

interface AvatarProps {
  /** Empty when nobody is known yet. */
  name: string;
  /** Address of a picture; without one the initials stand there. */
  picture?: string | undefined;
  size?: keyof typeof SIZE;
  className?: string;
}

/** The picture or the initials; decoration beside a written name, so hidden from screen readers. */
export function Avatar({ name, picture, size = "md", className }: AvatarProps) {
  return (
    <span
      aria-hidden
      className={cx(
        "inline-flex shrink-0 overflow-hidden select-none items-center justify-center rounded-full bg-brand-soft font-semibold text-brand-text",
        SIZE[size],
        className,
      )}
    >
      {picture !== undefined ? (
        <img src={picture} alt="" className="size-full object-cover" />
      ) : name === "" ? (
        <UserRound className="size-1/2" />
      ) : (
        initials(name)
      )}
    </span>
  );
}

/** First letters of the first and last word, titles such as "Dr" left out. */
export function initials(name: string): string {
  const words = name
    .split(/\s+/)
    .filter((word) => word !== "" && !/^(dr|prof|mr|mrs|ms|mx)\.?$/i.test(word));
  const ends = words.length > 1 ? [words[0], words.at(-1)] : [words[0]];
  return ends.map((word) => Array.from(word ?? "")[0] ?? "").join("").toLocaleUpperCase();
}
