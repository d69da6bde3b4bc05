import { LogOut, Monitor, Moon, Settings, Sun } from "lucide-react";
import { useState } from "react";
import { useNavigate } from "react-router";

import { usePicture } from "../features/account/picture";
import { useUser } from "../features/session/RequireSession";
import { useSignOut } from "../features/session/session";
import { codeOf } from "../lib/errors";
import { t } from "../lib/i18n";
import { chooseTheme, chosenTheme } from "../lib/theme";
import { Avatar } from "../ui/Avatar";
import { Menu, MenuChoice, MenuItem, MenuSeparator } from "../ui/Menu";
import { useToast } from "../ui/Toast";

const THEMES = [
  { value: "system", label: t.frame.themes.system, icon: Monitor },
  { value: "light", label: t.frame.themes.light, icon: Sun },
  { value: "dark", label: t.frame.themes.dark, icon: Moon },
] as const;

export function AccountMenu() {
  const user = useUser();
  const picture = usePicture();
  const signOut = useSignOut();
  const toast = useToast();
  const navigate = useNavigate();
  const [theme, setTheme] = useState(chosenTheme);
  const leave = async () => {
    try {
      await signOut.mutateAsync();
      // Without "next": whoever signs in now starts at their own home.
      await navigate("/signin", { replace: true });
    } catch (error) {
      toast({ tone: "danger", text: t.errors[codeOf(error)].title });
    }
  };
  return (
    <Menu
      trigger={
        <button type="button" className="flex rounded-full">
          <Avatar name={user.name} picture={picture} />
          <span className="sr-only">{t.frame.account(user.name)}</span>
        </button>
      }
    >
      <div className="px-3 pt-2 pb-1">
        <p className="font-semibold">{user.name}</p>
        {user.email !== "" && <p className="text-sm text-ink-soft">{user.email}</p>}
      </div>
      <MenuSeparator />
      <MenuChoice
        label={t.frame.theme}
        value={theme}
        options={THEMES}
        onChange={(chosen) => {
          chooseTheme(chosen);
          setTheme(chosen);
        }}
      />
      <MenuSeparator />
      {user.role !== "guest" && (
        <MenuItem icon={Settings} onSelect={() => void navigate("/settings/profile")}>
          {t.settings.title}
        </MenuItem>
      )}
      <MenuItem icon={LogOut} onSelect={() => void leave()}>
        {t.frame.signOut}
      </MenuItem>
    </Menu>
  );
}
