import { Slider as Radix } from "radix-ui";

interface SliderProps {
  label: string;
  value: number;
  min: number;
  max: number;
  step?: number;
  onChange: (value: number) => void;
}

export function Slider({ label, value, min, max, step = 1, onChange }: SliderProps) {
  return (
    <Radix.Root
      value={[value]}
      min={min}
      max={max}
      step={step}
      onValueChange={([chosen]) => {
        if (chosen !== undefined) onChange(chosen);
      }}
      className="relative flex h-11 w-full touch-none items-center"
    >
      <Radix.Track className="relative h-1.5 grow rounded-full bg-line-strong">
        <Radix.Range className="absolute h-full rounded-full bg-brand" />
      </Radix.Track>
      <Radix.Thumb aria-label={label} className="block size-6 rounded-full border-2 border-brand bg-surface shadow-soft" />
    </Radix.Root>
  );
}
