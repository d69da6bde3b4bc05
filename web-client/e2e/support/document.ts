/** A document that a doctor shares in place of a screen, and whether a viewer can read it: each line says another number,
 *  and what is shown of it has to look more like that line than like any other. */
import type { Page } from "playwright-core";

/** Height of the letters, pixels of 720 lines: a laboratory's small print. */
const LETTERS = 11;
export const LINES = 40;

type Draw = (paper: CanvasRenderingContext2D, letters: number, lines: number) => void;
interface Drawing {
  drawDocument: Draw;
}

const draw: Draw = (paper, letters, lines) => {
  paper.fillStyle = "white";
  paper.fillRect(0, 0, 1280, 720);
  paper.fillStyle = "black";
  paper.font = `${letters}px sans-serif`;
  for (let line = 0; line < lines; line += 1) {
    paper.fillText(`Potassium 4.${10 + line} mmol/l, creatinine ${60 + line} µmol/l`, 40, 30 + 17 * line);
  }
};

/** Both pages draw with the same function; as an expression it needs no leave of the page's security policy. */
const bringDrawing = (page: Page): Promise<unknown> =>
  page.evaluate(`Object.assign(window, { drawDocument: ${draw.toString()} }) && undefined`);

/** What the page's next `getDisplayMedia` gives: 720 lines that change for two seconds, then only when
 *  `changeDocument` says so. */
export async function shareDocument(page: Page): Promise<void> {
  await bringDrawing(page);
  await page.evaluate(
    ([letters, lines]) => {
      const canvas = Object.assign(document.createElement("canvas"), { width: 1280, height: 720 });
      const paper = canvas.getContext("2d");
      if (paper === null) throw new Error("no canvas");
      const stream = canvas.captureStream(0);
      const change = () => {
        (window as unknown as Drawing).drawDocument(paper, letters, lines);
        paper.fillText(String(performance.now()), 900, 24);
        (stream.getVideoTracks()[0] as CanvasCaptureMediaStreamTrack).requestFrame();
      };
      navigator.mediaDevices.getDisplayMedia = () => Promise.resolve(stream);
      const changing = setInterval(change, 100);
      setTimeout(() => clearInterval(changing), 2_000);
      Object.assign(window, { changeDocument: change });
    },
    [LETTERS, LINES] as const,
  );
}

/** How many of the lines can be told from all others in the picture that `video` shows now. */
export async function legibleLines(page: Page, video: string): Promise<number> {
  await bringDrawing(page);
  return page.evaluate(
    ([selector, letters, lines]) => {
      const shown = document.querySelector<HTMLVideoElement>(selector);
      if (shown === null || shown.videoHeight === 0) return 0;
      const pixels = (paint: (paper: CanvasRenderingContext2D) => void): Uint8ClampedArray => {
        const canvas = Object.assign(document.createElement("canvas"), { width: 1280, height: 720 });
        const paper = canvas.getContext("2d", { willReadFrequently: true });
        if (paper === null) throw new Error("no canvas");
        paint(paper);
        return paper.getImageData(0, 0, 1280, 720).data;
      };
      const there = pixels((paper) => paper.drawImage(shown, 0, 0, 1280, 720));
      const here = pixels((paper) => (window as unknown as Drawing).drawDocument(paper, letters, lines));
      /** Squared difference of the green of a shown line and a drawn one. */
      const difference = (seen: number, drawn: number): number => {
        let sum = 0;
        for (let y = 17; y < 34; y += 1) {
          for (let x = 40; x < 440; x += 1) {
            const [a, b] = [(17 * seen + y) * 1280 + x, (17 * drawn + y) * 1280 + x];
            sum += ((there[4 * a + 1] ?? 0) - (here[4 * b + 1] ?? 0)) ** 2;
          }
        }
        return sum;
      };
      const every = Array.from({ length: lines }, (_, line) => line);
      const likest = (seen: number): number => {
        const differences = every.map((drawn) => difference(seen, drawn));
        return differences.indexOf(Math.min(...differences));
      };
      return every.filter((line) => likest(line) === line).length;
    },
    [video, LETTERS, LINES] as const,
  );
}
