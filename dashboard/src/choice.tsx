/** One of a few values, as buttons of which one is pressed. */
type ChoiceProps<T extends string> = {
  name: string;
  value: T;
  options: [T, string][];
  onChange: (value: T) => void;
};

export function Choice<T extends string>({ name, value, options, onChange }: ChoiceProps<T>) {
  return (
    <fieldset class="choice">
      <legend class="hidden">{name}</legend>
      {options.map(([key, text]) => (
        <label key={key} class={key === value ? 'on' : ''}>
          <input
            type="radio"
            name={name}
            value={key}
            checked={key === value}
            onChange={() => onChange(key)}
          />
          {text}
        </label>
      ))}
    </fieldset>
  );
}
