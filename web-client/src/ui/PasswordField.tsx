import { ArrowBigUpDash, Eye, EyeOff } from "lucide-react";
import { type ComponentProps, useState } from "react";

import { cx } from "../lib/classes";
import { t } from "../lib/i18n";
import { TextField } from "./Field";
import { IconButton } from "./IconButton";

/** Can be looked at, and says when Caps Lock is on. `autoComplete` tells password managers which password it is. */
export function PasswordField({ className, ...rest }: ComponentProps<typeof TextField>) {
  const [visible, setVisible] = useState(false);
  const [capsLock, setCapsLock] = useState(false);
  const noticeCapsLock = (event: React.KeyboardEvent) => setCapsLock(event.getModifierState("CapsLock"));
  return (
    <div className="relative">
      <TextField
        {...rest}
        type={visible ? "text" : "password"}
        autoCapitalize="none"
        spellCheck={false}
        className={cx("pr-14", className)}
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
  );
}
