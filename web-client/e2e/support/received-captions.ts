/** The captions that a page's signalling socket receives, with the time of their arrival. */
import type { Page } from "playwright-core";
import type { CaptionView, ServerMessage } from "../../src/api/messages";

export interface ReceivedCaption {
  caption: CaptionView;
  /** Milliseconds since the epoch. */
  at: number;
}

/** Listens from now on, to every socket that the page opens. */
export function recordCaptions(page: Page): ReceivedCaption[] {
  const received: ReceivedCaption[] = [];
  page.on("websocket", (socket) => {
    socket.on("framereceived", ({ payload }) => {
      const message = JSON.parse(payload.toString()) as ServerMessage;
      if (message.type === "caption") received.push({ caption: message.caption, at: Date.now() });
    });
  });
  return received;
}

/** The final text of every utterance of `participant`, in the order in which they were spoken. */
export function finalText(received: ReceivedCaption[], participant: string): string {
  return received
    .map(({ caption }) => caption)
    .filter((caption) => caption.participant === participant && caption.state === "final")
    .toSorted((a, b) => a.start_ms - b.start_ms)
    .map((caption) => caption.text)
    .join(" ");
}
