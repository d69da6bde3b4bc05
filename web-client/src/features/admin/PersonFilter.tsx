import { X } from "lucide-react";
import { useId, useState } from "react";

import type { FoundPersonView, Role } from "../../api/schema";
import { useSettled } from "../../lib/hooks";
import { t } from "../../lib/i18n";
import { TextField } from "../../ui/Field";
import { IconButton } from "../../ui/IconButton";
import { useFoundPeople } from "./users";

const ID = /^usr_[\w-]{20,}$/;

interface PersonFilterProps {
  label: string;
  /** Id of the person; empty for anybody. */
  value: string;
  /** Of the person. */
  name: string;
  /** Who can be chosen; everybody without it. */
  among?: Role;
  onChange: (id: string, name: string) => void;
}

/** Somebody by name, until they are removed again. */
export function PersonFilter({ label, value, name, among, onChange }: PersonFilterProps) {
  const id = useId();
  if (value === "") return <PersonSearch label={label} among={among} onChange={onChange} />;
  return (
    <div role="group" aria-labelledby={id} className="flex flex-col gap-1.5">
      <p id={id} className="font-semibold">
        {label}
      </p>
      <div className="flex min-h-11 items-center justify-between gap-2 rounded-control border border-line bg-raised pl-3.5">
        <span className="min-w-0 break-words">{name}</span>
        <IconButton icon={X} label={t.trail.personRemove(name)} onClick={() => onChange("", "")} />
      </div>
    </div>
  );
}

interface PersonSearchProps {
  label: string;
  among: Role | undefined;
  onChange: (id: string, name: string) => void;
}

/** Takes a name that is looked up while it is typed, or an id; the browser's own list offers who was found. */
function PersonSearch({ label, among, onChange }: PersonSearchProps) {
  const [typed, setTyped] = useState("");
  const list = useId();
  const found = useFoundPeople(useSettled(typed.trim()), among);
  const options = optionsOf(found.data ?? []);
  const type = (text: string) => {
    setTyped(text);
    const chosen = options.find((option) => option.text === text);
    if (chosen) onChange(chosen.id, chosen.name);
    else if (ID.test(text.trim())) onChange(text.trim(), "");
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
        error={found.data?.length === 0 ? t.trail.personUnknown : undefined}
      />
      <datalist id={list}>
        {options.map(({ id, text }) => (
          <option key={id} value={text}>
            {text}
          </option>
        ))}
      </datalist>
    </>
  );
}

/** Each with a text of its own: two people of one name are told apart by the end of their ids. */
function optionsOf(people: FoundPersonView[]) {
  const plain = people.map(({ id, name, role }) => ({ id, name, text: `${name}, ${t.admin.roles[role]}` }));
  return plain.map((person) => {
    const isUnique = plain.filter(({ text }) => text === person.text).length === 1;
    return isUnique ? person : { ...person, text: `${person.text} (…${person.id.slice(-6)})` };
  });
}
