import { zodResolver } from "@hookform/resolvers/zod";
import { ArrowBigUpDash, Captions, Eye, EyeOff, FileLock2, LogIn, Video } from "lucide-react";
import { useState } from "react";
import { useForm } from "react-hook-form";
import { Navigate, useSearchParams } from "react-router";
import { z } from "../lib/validation";

import { useSession, useSignIn } from "../features/session/session";
import { PlainFrame } from "../frame/PlainFrame";
import { codeOf, type ErrorCode } from "../lib/errors";
import { usePageTitle } from "../lib/hooks";
import { t } from "../lib/i18n";
import { ownPath } from "../lib/paths";
import { Banner } from "../ui/Banner";
import { Button } from "../ui/Button";
import { Card } from "../ui/Card";
import { ErrorSummary } from "../ui/ErrorSummary";
import { TextField } from "../ui/Field";
import { IconButton } from "../ui/IconButton";

const POINT_ICONS = [Video, Captions, FileLock2];

const FORM = z.object({
  email: z.string().check(z.trim(), z.minLength(1, { error: t.session.emailMissing, abort: true }), z.email(t.session.emailWrong)),
  password: z.string().check(z.minLength(1, t.session.passwordMissing)),
});

export function SignIn() {
  usePageTitle(t.session.signInTitle);
  const session = useSession();
  const [search] = useSearchParams();
  const next = search.get("next");
  if (session.data) return <Navigate to={ownPath(next)} replace />;
  return (
    <PlainFrame>
      <div className="mx-auto grid w-full max-w-5xl grow items-center gap-10 px-4 py-6 lg:grid-cols-2 lg:gap-20">
        <section className="order-2 flex flex-col gap-8 lg:order-1">
          <p className="hidden text-3xl font-semibold tracking-tight text-balance lg:block">{t.session.signInLead}</p>
          <ul className="flex flex-col gap-5">
            {t.session.points.map(({ title, text }, index) => {
              const Icon = POINT_ICONS[index] ?? Video;
              return (
                <li key={title} className="flex gap-4">
                  <span className="inline-flex size-11 shrink-0 items-center justify-center rounded-full bg-brand-soft text-brand-text">
                    <Icon aria-hidden className="size-5" />
                  </span>
                  <div>
                    <p className="font-semibold">{title}</p>
                    <p className="text-ink-soft">{text}</p>
                  </div>
                </li>
              );
            })}
          </ul>
        </section>
        <div className="order-1 flex w-full flex-col gap-4 lg:order-2">
          {next !== null && <Banner tone="neutral">{t.session.signedOut}</Banner>}
          <SignInForm />
        </div>
      </div>
    </PlainFrame>
  );
}

function SignInForm() {
  const signIn = useSignIn();
  const [attempt, setAttempt] = useState(0);
  const [visible, setVisible] = useState(false);
  const [capsLock, setCapsLock] = useState(false);
  const { register, handleSubmit, formState, resetField, setFocus } = useForm<z.infer<typeof FORM>>({
    resolver: zodResolver(FORM),
    defaultValues: { email: "", password: "" },
    shouldFocusError: true,
  });
  const noticeCapsLock = (event: React.KeyboardEvent) => setCapsLock(event.getModifierState("CapsLock"));
  const submit = handleSubmit((values) => {
    if (signIn.isPending) return;
    signIn.mutate(values, {
      onError: (error) => {
        setAttempt((before) => before + 1);
        if (failure(error) === "wrong_credentials") resetField("password");
        else setFocus("password");
      },
    });
  });
  const problem = signIn.isError ? t.errors[failure(signIn.error)] : null;
  return (
    <Card className="sm:p-8">
      <form noValidate onSubmit={(event) => void submit(event)} className="flex flex-col gap-5">
        <h1 className="text-2xl font-semibold">{t.session.signInTitle}</h1>
        <ErrorSummary
          key={attempt}
          title={problem?.title ?? t.session.signInFailed}
          problems={problem ? [{ message: problem.action }] : []}
        />
        <TextField
          label={t.session.email}
          type="email"
          autoComplete="username"
          inputMode="email"
          autoCapitalize="none"
          spellCheck={false}
          error={formState.errors.email?.message}
          {...register("email")}
        />
        <div className="relative">
          <TextField
            label={t.session.password}
            type={visible ? "text" : "password"}
            autoComplete="current-password"
            autoCapitalize="none"
            spellCheck={false}
            className="pr-14"
            error={formState.errors.password?.message}
            {...register("password")}
            onKeyDown={noticeCapsLock}
            onKeyUp={noticeCapsLock}
          />
          <IconButton
            icon={visible ? EyeOff : Eye}
            label={visible ? t.session.hidePassword : t.session.showPassword}
            aria-pressed={visible}
            onClick={() => setVisible(!visible)}
            className="absolute top-[1.9375rem] right-1"
          />
          <p role="status" className="text-sm text-wait">
            {capsLock && (
              <span className="mt-1.5 flex items-center gap-1.5 font-medium">
                <ArrowBigUpDash aria-hidden className="size-4" />
                {t.session.capsLock}
              </span>
            )}
          </p>
        </div>
        <Button type="submit" size="lg" icon={LogIn} busy={signIn.isPending}>
          {t.session.signIn}
        </Button>
        <p className="text-sm text-ink-soft">{t.session.forgotten}</p>
      </form>
    </Card>
  );
}

function failure(error: unknown): ErrorCode {
  const code = codeOf(error);
  return code === "unauthenticated" ? "wrong_credentials" : code;
}
