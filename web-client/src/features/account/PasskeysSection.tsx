import { zodResolver } from "@hookform/resolvers/zod";
import { KeyRound, Plus } from "lucide-react";
import { useState } from "react";

import type { PasskeyView } from "../../api/schema";
import { problemsOf, useSummarisedForm } from "../../lib/form";
import { useNow } from "../../lib/hooks";
import { t } from "../../lib/i18n";
import { useSendOnce } from "../../lib/send";
import { day } from "../../lib/time";
import { line, z } from "../../lib/validation";
import { passkeysSupported } from "../../lib/webauthn";
import { Button } from "../../ui/Button";
import { ErrorSummary } from "../../ui/ErrorSummary";
import { TextField } from "../../ui/Field";
import { Loaded } from "../../ui/Loaded";
import { Section } from "../../ui/Section";
import { SkeletonList } from "../../ui/Skeleton";
import { useToast } from "../../ui/Toast";
import { useAddPasskey, usePasskeys, useRemovePasskey } from "./passkeys";
import { WayIn } from "./WayIn";

export function PasskeysSection() {
  const passkeys = usePasskeys();
  const [adding, setAdding] = useState(false);
  return (
    <Section title={t.settings.passkeysTitle} text={t.settings.passkeysText}>
      <Loaded query={passkeys} loading={<SkeletonList rows={1} label={t.settings.passkeysLoading} />}>
        {(all) =>
          all.length === 0 ? (
            <p>{t.settings.passkeysEmpty}</p>
          ) : (
            <ul className="flex flex-col divide-y divide-line">
              {all.map((passkey) => (
                <PasskeyRow key={passkey.id} passkey={passkey} />
              ))}
            </ul>
          )
        }
      </Loaded>
      {adding ? (
        <AddPasskey onDone={() => setAdding(false)} />
      ) : passkeysSupported() ? (
        <Button variant="secondary" icon={Plus} className="self-start" onClick={() => setAdding(true)}>
          {t.settings.passkeyAdd}
        </Button>
      ) : (
        <p className="text-ink-soft">{t.errors.passkey_unsupported.title}.</p>
      )}
    </Section>
  );
}

function PasskeyRow({ passkey: { id, label, created_at: created, last_used_at: used } }: { passkey: PasskeyView }) {
  const now = useNow(60_000);
  const remove = useRemovePasskey();
  const usedWords = used === null ? t.settings.passkeyNeverUsed : t.settings.passkeyUsed(day(used, now));
  return (
    <WayIn
      icon={KeyRound}
      name={label}
      text={`${t.settings.passkeyMade(day(created, now))}, ${usedWords}`}
      words={{
        remove: t.settings.passkeyRemove,
        removeLabel: t.settings.passkeyRemoveLabel(label),
        title: t.settings.passkeyRemoveTitle(label),
        text: t.settings.passkeyRemoveText,
        keep: t.settings.passkeyRemoveKeep,
        removed: t.settings.passkeyRemoved,
      }}
      removal={remove}
      onRemove={() => remove.mutateAsync(id)}
    />
  );
}

const FORM = z.object({ label: line(t.settings.passkeyLabelMissing, 60, t.settings.passkeyLabelLong) });

function AddPasskey({ onDone }: { onDone: () => void }) {
  const add = useAddPasskey();
  const send = useSendOnce(add);
  const toast = useToast();
  const { register, handleSubmit, formState } = useSummarisedForm(zodResolver(FORM), { label: "" });
  const submit = handleSubmit(({ label }) => {
    send(label, {
      onSuccess: () => {
        toast({ tone: "ok", text: t.settings.passkeyAdded });
        onDone();
      },
    });
  });
  const problems = problemsOf(formState.errors, add.error);
  return (
    <form noValidate onSubmit={(event) => void submit(event)} className="flex flex-col gap-5">
      <ErrorSummary key={formState.submitCount} title={t.settings.passkeyFailed} problems={problems.all} />
      <TextField
        id="label"
        label={t.settings.passkeyLabel}
        hint={t.settings.passkeyLabelHint}
        autoComplete="off"
        error={problems.of("label")}
        {...register("label")}
      />
      <div className="flex flex-wrap gap-3">
        <Button type="submit" icon={KeyRound} busy={add.isPending}>
          {t.settings.passkeyCreate}
        </Button>
        <Button variant="quiet" onClick={onDone}>
          {t.settings.cancel}
        </Button>
      </div>
    </form>
  );
}
