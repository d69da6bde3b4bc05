import { en } from "../locales/en";

/** Every text of the client. A text with a changing part is a function of it. */
type Dictionary = typeof en;

const DICTIONARIES: Record<string, Dictionary> = { en };

/** The first of the person's languages that we have; dates and numbers follow their full locale ("en-GB"). */
export const locale: string = navigator.languages.find((tag) => languageOf(tag) in DICTIONARIES) ?? "en";

export const t: Dictionary = DICTIONARIES[languageOf(locale)] ?? en;

function languageOf(tag: string): string {
  return tag.split("-", 1)[0] ?? tag;
}
