import { type ComponentProps, useState } from "react";

import { codeOf } from "../../lib/errors";
import { useSettled } from "../../lib/hooks";
import { t } from "../../lib/i18n";
import { ChoiceCards } from "../../ui/ChoiceCards";
import { TextField } from "../../ui/Field";
import { usePatientsNamed } from "./breakGlass";

interface PatientFieldProps {
  error: string | undefined;
  /** The radio buttons of those who were found. */
  choice: Omit<ComponentProps<typeof ChoiceCards>, "legend" | "choices">;
  /** The id that was typed; empty when it is no id, and whoever was chosen before is not meant any more. */
  onChange: (id: string) => void;
}

/** Takes a patient's number, or the whole name, and offers everybody who is called like that. */
export function PatientField({ error, choice, onChange }: PatientFieldProps) {
  const [typed, setTyped] = useState("");
  const name = useSettled(typed.trim(), 600);
  const found = usePatientsNamed(name);
  const type = (text: string) => {
    setTyped(text);
    onChange(/^usr_/.test(text.trim()) ? text.trim() : "");
  };
  const nobody = found.data?.length === 0 && name === typed.trim() ? t.access.breakPatientUnknown : undefined;
  const refused = found.error ? t.errors[codeOf(found.error)].title : undefined;
  return (
    <>
      <TextField
        id="patient"
        label={t.access.breakPatient}
        hint={t.access.breakPatientHint}
        autoComplete="off"
        spellCheck={false}
        value={typed}
        error={refused ?? nobody ?? error}
        onChange={(event) => type(event.currentTarget.value)}
      />
      {found.data !== undefined && found.data.length > 0 && (
        <ChoiceCards
          legend={t.access.breakPatientWhich}
          choices={found.data.map(({ id, name: title }) => ({ value: id, title, text: id.slice(-6) }))}
          {...choice}
        />
      )}
    </>
  );
}
