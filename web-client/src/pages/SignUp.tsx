import { zodResolver } from "@hookform/resolvers/zod";
import { DoorClosed, UserPlus } from "lucide-react";
import { useWatch } from "react-hook-form";
import { useNavigate } from "react-router";

import type { PolicyView } from "../api/schema";
import * as fields from "../features/account/fields";
import { NewPasswordField } from "../features/account/NewPasswordField";
import { usePolicy, useRegister } from "../features/account/registration";
import { NarrowPage } from "../frame/NarrowPage";
import { problemsOf, useSummarisedForm } from "../lib/form";
import { usePageTitle } from "../lib/hooks";
import { t } from "../lib/i18n";
import { useSendOnce } from "../lib/send";
import { z } from "../lib/validation";
import { Button } from "../ui/Button";
import { ChoiceCards } from "../ui/ChoiceCards";
import { EmptyState } from "../ui/EmptyState";
import { ErrorSummary } from "../ui/ErrorSummary";
import { TextField } from "../ui/Field";
import { Loaded } from "../ui/Loaded";
import { SkeletonList } from "../ui/Skeleton";
import { TextLink } from "../ui/TextLink";

const ROLES = (["patient", "doctor"] as const).map((value) => ({ value, ...t.account.roles[value] }));

export function SignUp() {
  usePageTitle(t.account.signUpTitle);
  const policy = usePolicy();
  return (
    <NarrowPage title={t.account.signUpTitle}>
      <Loaded query={policy} loading={<SkeletonList rows={2} label={t.ui.loading} />}>
        {(loaded) =>
          loaded.registration ? (
            <SignUpForm policy={loaded} />
          ) : (
            <EmptyState icon={DoorClosed} title={t.account.signUpClosedTitle}>
              {t.account.signUpClosedText}
            </EmptyState>
          )
        }
      </Loaded>
      <p className="flex flex-wrap items-center gap-x-2 border-t border-line pt-3 text-ink-soft">
        {t.account.haveAccount}
        <TextLink to="/signin">{t.session.signIn}</TextLink>
      </p>
    </NarrowPage>
  );
}

function formFor(policy: PolicyView) {
  const common = { name: fields.personName, email: fields.email, password: fields.newPassword(policy.password) };
  return z.discriminatedUnion("role", [
    z.object({ role: z.literal("patient"), ...common, specialty: z.optional(z.string()) }),
    z.object({ role: z.literal("doctor"), ...common, specialty: fields.specialty }),
  ]);
}

function SignUpForm({ policy }: { policy: PolicyView }) {
  const signUp = useRegister();
  const send = useSendOnce(signUp);
  const navigate = useNavigate();
  const form = useSummarisedForm(zodResolver(formFor(policy)), {
    role: "patient",
    name: "",
    email: "",
    password: "",
    specialty: "",
  });
  const { register, handleSubmit, formState, control } = form;
  const [role, password] = useWatch({ control, name: ["role", "password"] });
  const submit = handleSubmit((values) => {
    const body = { ...values, specialty: values.role === "doctor" ? values.specialty : "" };
    send(body, {
      onSuccess: ({ next }) => {
        if (next === "sign_in") void navigate("/signin", { state: "signed_up" });
        else void navigate("/check-mail", { state: values.email });
      },
    });
  });
  const problems = problemsOf(formState.errors, signUp.error);
  return (
    <form noValidate onSubmit={(event) => void submit(event)} className="flex flex-col gap-5">
      <ErrorSummary key={formState.submitCount} title={t.account.signUpFailed} problems={problems.all} />
      <ChoiceCards legend={t.account.role} choices={ROLES} {...register("role")} />
      <TextField
        id="name"
        label={t.account.name}
        hint={t.account.nameHint}
        autoComplete="name"
        error={problems.of("name")}
        {...register("name")}
      />
      {role === "doctor" && (
        <TextField
          id="specialty"
          label={t.account.specialty}
          hint={t.account.specialtyHint}
          autoComplete="organization-title"
          error={problems.of("specialty")}
          {...register("specialty")}
        />
      )}
      <TextField
        id="email"
        label={t.session.email}
        type="email"
        autoComplete="username"
        inputMode="email"
        autoCapitalize="none"
        spellCheck={false}
        error={problems.of("email")}
        {...register("email")}
      />
      <NewPasswordField
        id="password"
        label={t.account.newPassword}
        typed={password}
        rules={policy.password}
        error={problems.of("password")}
        {...register("password")}
      />
      <Button type="submit" size="lg" icon={UserPlus} busy={signUp.isPending}>
        {t.account.signUp}
      </Button>
    </form>
  );
}
