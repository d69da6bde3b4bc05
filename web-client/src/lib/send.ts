import { useRef } from "react";

interface Sender<T, V> {
  mutateAsync: (values: V) => Promise<T>;
}

interface Then<T> {
  onSuccess?: (made: T) => void;
  onError?: (error: Error) => void;
}

/** Like a mutation's `mutate`, but nothing is sent while something is on its way: `isPending` is known only after the
 *  next render, and a second press may come before. Goes on to `then` even when the form has left the page meanwhile.
 *  A refusal without `onError` stays with the mutation, which shows it. */
export function useSend<T, V>(sender: Sender<T, V>) {
  return useGuarded(sender, false);
}

/** The same for a form that is done once it has succeeded: until another page stands in its place, a press does nothing. */
export function useSendOnce<T, V>(sender: Sender<T, V>) {
  return useGuarded(sender, true);
}

function useGuarded<T, V>({ mutateAsync }: Sender<T, V>, once: boolean) {
  const shut = useRef(false);
  return (values: V, { onSuccess, onError }: Then<T> = {}) => {
    if (shut.current) return;
    shut.current = true;
    void mutateAsync(values).then(
      (made) => {
        shut.current = once;
        onSuccess?.(made);
      },
      (error: Error) => {
        shut.current = false;
        onError?.(error);
      },
    );
  };
}
