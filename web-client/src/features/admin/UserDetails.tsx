import { zodResolver } from "@hookform/resolvers/zod";
import { Save } from "lucide-react";
import { useWatch } from "react-hook-form";

import type { AdminUserView } from "../../api/schema";
import { problemsOf, useSummarisedForm } from "../../lib/form";
import { t } from "../../lib/i18n";
import { useSend } from "../../lib/send";
import { z } from "../../lib/validation";
import { Button } from "../../ui/Button";
import { ErrorSummary } from "../../ui/ErrorSummary";
import { Select, TextField } from "../../ui/Field";
import { Section } from "../../ui/Section";
import { useToast } from "../../ui/Toast";
import * as fields from "../account/fields";
import { useChangeUser } from "./users";

const ROLES = ["patient", "doctor", "admin"] as const;

const FORM = z.discriminatedUnion("role", [
  z.object({ role: z.enum(["patient", "admin"]), name: fields.personName, specialty: z.optional(z.string()) }),
  z.object({ role: z.literal("doctor"), name: fields.personName, specialty: fields.specialty }),
]);

/** Name, role and specialty of somebody else's account. */
export function UserDetails({ user }: { user: AdminUserView }) {
  const change = useChangeUser(user.id);
  const send = useSend(change);
  const toast = useToast();
  const { register, handleSubmit, formState, control } = useSummarisedForm(zodResolver(FORM), {
    name: user.name,
    role: user.role === "guest" ? "patient" : user.role,
    specialty: user.specialty,
  });
  const chosen = useWatch({ control, name: "role" });
  const submit = handleSubmit((values) => {
    const body = { ...values, specialty: values.role === "doctor" ? values.specialty : "" };
    send(body, { onSuccess: () => toast({ tone: "ok", text: t.admin.userSaved }) });
  });
  const problems = problemsOf(formState.errors, change.error);
  return (
    <Section title={t.admin.userEdit}>
      <form noValidate onSubmit={(event) => void submit(event)} className="flex flex-col gap-5">
        <ErrorSummary key={formState.submitCount} title={t.admin.userSaveFailed} problems={problems.all} />
        <TextField id="name" label={t.admin.name} autoComplete="off" error={problems.of("name")} {...register("name")} />
        <div className="grid gap-5 sm:grid-cols-2">
          <Select id="role" label={t.admin.usersRole} error={problems.of("role")} {...register("role")}>
            {ROLES.map((role) => (
              <option key={role} value={role}>
                {t.admin.roles[role]}
              </option>
            ))}
          </Select>
          {chosen === "doctor" && (
            <TextField
              id="specialty"
              label={t.admin.specialty}
              autoComplete="off"
              error={problems.of("specialty")}
              {...register("specialty")}
            />
          )}
        </div>
        <Button type="submit" icon={Save} busy={change.isPending} className="self-start">
          {t.admin.userSave}
        </Button>
      </form>
    </Section>
  );
}
