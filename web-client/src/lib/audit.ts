import type { Outcome } from "../api/schema";
import { t } from "./i18n";

/** "opened a consultation (refused)" */
export function deed(action: string, outcome: Outcome): string {
  const words: Record<string, string> = t.audit.actions;
  const done = Object.hasOwn(words, action) ? (words[action] ?? action) : action;
  return outcome === "done" ? done : `${done} ${t.audit.notDone[outcome]}`;
}

/** "Doctor" */
export function roleWords(role: string): string {
  const words: Record<string, string> = t.admin.roles;
  return Object.hasOwn(words, role) ? (words[role] ?? role) : role;
}

/** "for treatment" */
export function purposeWords(code: string): string {
  const words: Record<string, string> = t.audit.purposes;
  return Object.hasOwn(words, code) ? (words[code] ?? code) : code;
}
