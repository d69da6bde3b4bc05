import { CircleAlert, CircleCheck, Info, X } from "lucide-react";
import { Toast as Radix } from "radix-ui";
import { createContext, type ReactNode, useCallback, useContext, useState } from "react";

import { cx } from "../lib/classes";
import { t } from "../lib/i18n";
import { IconButton } from "./IconButton";

interface Message {
  tone: "ok" | "info" | "danger";
  text: string;
}

const ICON = { ok: CircleCheck, info: Info, danger: CircleAlert };
const COLOUR = { ok: "text-ok", info: "text-brand-text", danger: "text-danger" };
/** The oldest makes room. */
const MOST = 3;

const Show = createContext<(message: Message) => void>(() => undefined);

/** Shows a short message about something that just happened; read aloud politely. Errors that need a decision belong
 *  beside what they are about, not here. */
export function useToast() {
  return useContext(Show);
}

export function ToastProvider({ children }: { children: ReactNode }) {
  const [messages, setMessages] = useState<(Message & { id: string })[]>([]);
  const show = useCallback((message: Message) => {
    setMessages((before) => [...before, { ...message, id: crypto.randomUUID() }].slice(-MOST));
  }, []);
  const drop = (id: string) => setMessages((before) => before.filter((each) => each.id !== id));
  return (
    <Show value={show}>
      <Radix.Provider label={t.ui.notification} swipeDirection="right">
        {children}
        {messages.map(({ id, tone, text }) => {
          const Icon = ICON[tone];
          return (
            <Radix.Root
              key={id}
              onOpenChange={(open) => {
                if (!open) drop(id);
              }}
              className="flex animate-rise items-center gap-3 rounded-card border border-line bg-surface py-1.5 pr-1.5 pl-4 text-ink shadow-soft"
            >
              <Icon aria-hidden className={cx("size-5 shrink-0", COLOUR[tone])} />
              <Radix.Description className="grow py-1.5">{text}</Radix.Description>
              <Radix.Close asChild>
                <IconButton icon={X} label={t.ui.close} />
              </Radix.Close>
            </Radix.Root>
          );
        })}
        <Radix.Viewport
          label={t.ui.notifications}
          className="fixed right-4 bottom-4 z-50 flex w-[calc(100%-2rem)] max-w-sm flex-col gap-2 outline-none print:hidden"
        />
      </Radix.Provider>
    </Show>
  );
}
