/** Spoken dialogues as what a browser's fake microphone wants: 48 kHz WAV files. */
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const DIALOGUES = fileURLToPath(new URL("../../../media-server/tests/fixtures/speech/", import.meta.url));

export type Speaker = "doctor" | "patient";

export interface Utterance {
  speaker: Speaker;
  /** Seconds from the start of the dialogue. */
  start: number;
  end: number;
  text: string;
}

export interface Voice {
  /** Path of the WAV file. */
  file: string;
  /** What is said in it, in order. */
  utterances: Utterance[];
  /** Seconds of silence before the dialogue: time to get through the lobby. */
  lead: number;
}

export function dialogue(name: string): Utterance[] {
  const lines = readFileSync(join(DIALOGUES, `${name}.tsv`), "utf8").trim().split("\n").slice(1);
  return lines.map((line) => {
    const [speaker, start, end, text] = line.split("\t");
    if ((speaker !== "doctor" && speaker !== "patient") || !text) throw new Error(`${name}: bad line ${line}`);
    return { speaker, start: Number(start), end: Number(end), text };
  });
}

/**
 * One side of a dialogue. The fake microphone starts its file when it is opened and repeats it, so silence stands
 * before the speech and, for `tail` seconds, after it.
 */
export function makeVoice(name: string, speaker: Speaker, { lead = 12, tail = 240 } = {}): Voice {
  const folder = join(tmpdir(), "auscult-voices");
  mkdirSync(folder, { recursive: true });
  const file = join(folder, `${name}-${speaker}-${lead}-${tail}.wav`);
  const filter = `adelay=${lead * 1000}:all=1,apad=pad_dur=${tail}`;
  const source = join(DIALOGUES, `${name}-${speaker}.opus`);
  execFileSync("ffmpeg", ["-loglevel", "error", "-y", "-i", source, "-af", filter, "-ar", "48000", "-ac", "1", file]);
  return { file, lead, utterances: dialogue(name).filter((utterance) => utterance.speaker === speaker) };
}

/** Everything a voice says, as one text. */
export const spoken = ({ utterances }: Voice): string => utterances.map((utterance) => utterance.text).join(" ");
