import { Circle, CircleCheck } from "lucide-react";
import type { ComponentProps } from "react";

import type { PasswordRulesView } from "../../api/schema";
import { t } from "../../lib/i18n";
import { PasswordField } from "../../ui/PasswordField";
import { rulesFor } from "./password";

interface NewPasswordFieldProps extends ComponentProps<typeof PasswordField> {
  /** What is typed so far. */
  typed: string;
  /** Undefined until they are known. */
  rules: PasswordRulesView | undefined;
}

/** A password being chosen: the clinic's rules stand below and are ticked off while typing. */
export function NewPasswordField({ typed, rules, ...rest }: NewPasswordFieldProps) {
  return (
    <div className="flex flex-col gap-3">
      <PasswordField autoComplete="new-password" hint={t.account.newPasswordHint} {...rest} />
      {rules && (
        <div className="text-sm">
          <p className="text-ink-soft">{t.account.rulesTitle}</p>
          <ul className="mt-1 flex flex-col gap-1">
            {rulesFor(rules, typed).map(({ text, met }) => {
              const Icon = met ? CircleCheck : Circle;
              return (
                <li key={text} className={met ? "flex items-center gap-2 text-ok" : "flex items-center gap-2 text-ink-soft"}>
                  <Icon aria-hidden className="size-4 shrink-0" />
                  {text}
                  <span className="sr-only">({met ? t.account.ruleMet : t.account.ruleOpen})</span>
                </li>
              );
            })}
          </ul>
        </div>
      )}
    </div>
  );
}
