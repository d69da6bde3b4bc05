import { useForm, type DefaultValues, type FieldErrors, type FieldValues, type Resolver } from "react-hook-form";

import { ApiError } from "../api/client";
import { codeOf, type ErrorCode } from "./errors";
import { t } from "./i18n";

/** One thing that is wrong with a form; `field` is the id of the control it is about. */
interface Problem {
  field?: string;
  message: string;
}

/** A form whose errors stand in a summary that takes the focus, so the first field must not take it as well. */
export function useSummarisedForm<V extends FieldValues>(resolver: Resolver<V>, defaultValues: DefaultValues<V>) {
  return useForm<V>({ resolver, defaultValues, shouldFocusError: false });
}

/** Gives the refusal of a secret a code of its own: the server says of the field that it "is not right". */
export function wrongSecret(code: ErrorCode) {
  return (error: unknown): ErrorCode =>
    error instanceof ApiError && Object.values(error.fields).includes("is not right") ? code : codeOf(error);
}

function sentence([field, words]: [string, string]) {
  return [field, words.slice(0, 1).toUpperCase() + words.slice(1)] as const;
}

/** What is wrong, for `ErrorSummary` and for each field: first what was noticed here, else what the server refused.
 *  The controls' ids are the fields' names. `name` gives a refusal another code than the server's. */
export function problemsOf(errors: FieldErrors, refusal: Error | null, name: (error: unknown) => ErrorCode = codeOf) {
  const fields = Object.entries(errors).map(([field, error]) => [field, typeof error?.message === "string" ? error.message : ""] as const);
  const isNamed = refusal !== null && name(refusal) !== codeOf(refusal);
  const refused = refusal instanceof ApiError && !isNamed ? Object.entries(refusal.fields).map(sentence) : [];
  const shown = fields.length > 0 ? fields : refused;
  const all: Problem[] = shown.map(([field, message]) => ({ field, message }));
  if (all.length === 0 && refusal !== null) {
    const { title, safe, action } = t.errors[name(refusal)];
    all.push({ message: `${title}. ${safe} ${action}` });
  }
  return { all, of: (field: string): string | undefined => shown.find(([each]) => each === field)?.[1] };
}
