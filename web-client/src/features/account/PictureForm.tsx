import { ImageUp, Trash2 } from "lucide-react";
import { useId, useRef, useState } from "react";

import type { AccountView } from "../../api/schema";
import { problemsOf } from "../../lib/form";
import { t } from "../../lib/i18n";
import { useSend } from "../../lib/send";
import { Avatar } from "../../ui/Avatar";
import { Button } from "../../ui/Button";
import { ErrorSummary } from "../../ui/ErrorSummary";
import { Section } from "../../ui/Section";
import { useSetPicture } from "./account";
import { usePicture } from "./picture";

const TYPES = ["image/png", "image/jpeg", "image/webp"];
const LARGEST = 5 * 1024 * 1024;

/** Takes effect at once. */
export function PictureForm({ account }: { account: AccountView }) {
  const set = useSetPicture();
  const send = useSend(set);
  const picture = usePicture();
  const input = useRef<HTMLInputElement>(null);
  const id = useId();
  const [unfit, setUnfit] = useState(0);
  const choose = (file: File | undefined) => {
    if (!file || set.isPending) return;
    set.reset();
    if (!TYPES.includes(file.type) || file.size > LARGEST) {
      setUnfit((before) => before + 1);
      return;
    }
    setUnfit(0);
    send(file);
  };
  const refused = problemsOf({}, set.error).all.map(({ message }) => ({ message }));
  return (
    <Section title={t.settings.pictureTitle} text={t.settings.pictureText}>
      <ErrorSummary
        key={`${unfit} ${set.submittedAt}`}
        title={t.settings.pictureFailed}
        problems={unfit > 0 ? [{ message: t.settings.pictureWrong }] : refused}
      />
      <div className="flex flex-wrap items-center gap-5">
        <Avatar name={account.user.name} picture={picture} size="lg" />
        <div className="flex flex-wrap gap-3">
          <input
            ref={input}
            id={id}
            type="file"
            accept={TYPES.join(",")}
            aria-label={t.settings.pictureChoose}
            tabIndex={-1}
            className="sr-only"
            onChange={(event) => {
              choose(event.currentTarget.files?.[0]);
              event.currentTarget.value = "";
            }}
          />
          <Button variant="secondary" icon={ImageUp} busy={set.isPending} onClick={() => input.current?.click()}>
            {account.has_picture ? t.settings.pictureReplace : t.settings.pictureChoose}
          </Button>
          {account.has_picture && (
            <Button variant="quiet" icon={Trash2} busy={set.isPending} onClick={() => send(null)}>
              {t.settings.pictureRemove}
            </Button>
          )}
        </div>
      </div>
    </Section>
  );
}
