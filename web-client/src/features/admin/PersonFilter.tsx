import { useId, useState } from "react";

import type { Role } from "../../api/schema";
import { useSettled } from "../../lib/hooks";
import { t } from "../../lib/i18n";
import { TextField } from "../../ui/Field";
import { useFoundPeople } from "./users";

interface PersonFilterProps {
  label: string;
  /** Id of the person; empty for anybody. */
  value: string;
  /** Who can be chosen; everybody without it. */
  among?: Role;
  onChange: (id: string) => void;
}

/** Takes an id, or a name that is looked up while it is typed; the browser's own list offers who was found. */
export function PersonFilter({ label, value, among, onChange }: PersonFilterProps) {
  const [typed, setTyped] = useState(value);
  const [shown, setShown] = useState(value);
  // Chosen elsewhere, such as in a row of the trail.
  if (shown !== value) {
    setShown(value);
    setTyped(value);
  }
  const list = useId();
  const found = useFoundPeople(useSettled(typed.trim()), among);
  const isId = (text: string) => text === "" || /^usr_[\w-]{20,}$/.test(text);
  const type = (text: string) => {
    setTyped(text);
    if (isId(text.trim())) {
      setShown(text.trim());
      onChange(text.trim());
    }
  };
  return (
    <>
      <TextField
        label={label}
        hint={t.trail.personHint}
        value={typed}
        list={list}
        autoComplete="off"
        autoCapitalize="none"
        spellCheck={false}
        onChange={(event) => type(event.currentTarget.value)}
        error={!isId(typed.trim()) && found.data?.length === 0 ? t.trail.personUnknown : undefined}
      />
      <datalist id={list}>
        {(found.data ?? []).map((person) => (
          <option key={person.id} value={person.id}>
            {person.name}, {t.admin.roles[person.role]}
          </option>
        ))}
      </datalist>
    </>
  );
}
