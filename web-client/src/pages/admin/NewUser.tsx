import { zodResolver } from "@hookform/resolvers/zod";
import { Check, Copy, UserPlus } from "lucide-react";
import { useEffect, useRef, useState } from "react";
import { useWatch } from "react-hook-form";

import type { CreatedUserView } from "../../api/schema";
import * as fields from "../../features/account/fields";
import { useCreateUser } from "../../features/admin/users";
import { problemsOf, useSummarisedForm } from "../../lib/form";
import { usePageTitle } from "../../lib/hooks";
import { t } from "../../lib/i18n";
import { useSendOnce } from "../../lib/send";
import { z } from "../../lib/validation";
import { Button, ButtonLink } from "../../ui/Button";
import { Card } from "../../ui/Card";
import { ChoiceCards } from "../../ui/ChoiceCards";
import { ErrorSummary } from "../../ui/ErrorSummary";
import { TextField } from "../../ui/Field";
import { PageHead } from "../../ui/PageHead";

const ROLES = (["patient", "doctor", "admin"] as const).map((value) => ({ value, ...t.admin.newRoles[value] }));

const COMMON = { name: fields.personName, email: fields.email };
const FORM = z.discriminatedUnion("role", [
  z.object({ role: z.enum(["patient", "admin"]), ...COMMON, specialty: z.optional(z.string()) }),
  z.object({ role: z.literal("doctor"), ...COMMON, specialty: fields.specialty }),
]);

export function NewUser() {
  usePageTitle(t.admin.newTitle);
  const [made, setMade] = useState<CreatedUserView | null>(null);
  return (
    <div className="mx-auto flex w-full max-w-2xl flex-col gap-6">
      <PageHead title={t.admin.newTitle} text={t.admin.newText} back={{ to: "/admin/users", label: t.admin.usersBack }} />
      <Card>
        {made === null ? <NewUserForm onMade={setMade} /> : <Made made={made} onAnother={() => setMade(null)} />}
      </Card>
    </div>
  );
}

function NewUserForm({ onMade }: { onMade: (made: CreatedUserView) => void }) {
  const create = useCreateUser();
  const send = useSendOnce(create);
  const { register, handleSubmit, formState, control } = useSummarisedForm(zodResolver(FORM), {
    role: "doctor",
    name: "",
    email: "",
    specialty: "",
  });
  const role = useWatch({ control, name: "role" });
  const submit = handleSubmit((values) => {
    const body = { ...values, specialty: values.role === "doctor" ? values.specialty : "" };
    send(body, { onSuccess: onMade });
  });
  const problems = problemsOf(formState.errors, create.error);
  return (
    <form noValidate onSubmit={(event) => void submit(event)} className="flex flex-col gap-5">
      <ErrorSummary key={formState.submitCount} title={t.admin.newFailed} problems={problems.all} />
      <ChoiceCards legend={t.admin.newRole} choices={ROLES} {...register("role")} />
      <TextField id="name" label={t.admin.name} autoComplete="off" error={problems.of("name")} {...register("name")} />
      <TextField
        id="email"
        label={t.session.email}
        type="email"
        autoComplete="off"
        inputMode="email"
        autoCapitalize="none"
        spellCheck={false}
        error={problems.of("email")}
        {...register("email")}
      />
      {role === "doctor" && (
        <TextField
          id="specialty"
          label={t.admin.specialty}
          hint={t.account.specialtyHint}
          autoComplete="off"
          error={problems.of("specialty")}
          {...register("specialty")}
        />
      )}
      <Button type="submit" icon={UserPlus} busy={create.isPending} className="self-start">
        {t.admin.newCreate}
      </Button>
    </form>
  );
}

/** The only time that the password can be seen. */
function Made({ made: { user, password }, onAnother }: { made: CreatedUserView; onAnother: () => void }) {
  const heading = useRef<HTMLHeadingElement>(null);
  const field = useRef<HTMLInputElement>(null);
  const [copied, setCopied] = useState(false);
  useEffect(() => heading.current?.focus(), []);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(password);
      setCopied(true);
    } catch {
      field.current?.select();
    }
  };
  return (
    <div className="flex flex-col gap-5">
      <div className="flex flex-col gap-1">
        <h2 ref={heading} tabIndex={-1} className="text-xl font-semibold outline-none">
          {t.admin.newDoneTitle}
        </h2>
        <p>{t.admin.newDoneText(user.name)}</p>
      </div>
      <TextField
        ref={field}
        label={t.admin.newPassword}
        readOnly
        value={password}
        data-testid="first-password"
        onFocus={(event) => event.currentTarget.select()}
        className="font-mono"
      />
      <div className="flex flex-wrap gap-3">
        <Button icon={copied ? Check : Copy} onClick={() => void copy()}>
          <span aria-live="polite">{copied ? t.admin.newCopied : t.admin.newCopy}</span>
        </Button>
        <Button variant="secondary" onClick={onAnother}>
          {t.admin.newAnother}
        </Button>
        <ButtonLink variant="quiet" to="/admin/users">
          {t.admin.usersBack}
        </ButtonLink>
      </div>
    </div>
  );
}
