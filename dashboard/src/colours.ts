/** The colours of a theme, for what draws on a canvas. */
export type Colours = Record<'text' | 'line' | 'accent' | 'band' | 'soft' | 'warm', string>;

export function coloursOf(place: HTMLElement): Colours {
  // A canvas knows no variables; what one comes to is read from an element that has it.
  const probe = place.appendChild(document.createElement('i'));
  // Else every colour is that of text, where the system's own are forced.
  probe.style.forcedColorAdjust = 'none';
  const read = (name: string) => {
    probe.style.color = `var(${name})`;
    return getComputedStyle(probe).color;
  };
  const colours = {
    text: read('--muted'),
    line: read('--line'),
    accent: read('--accent'),
    band: read('--band'),
    soft: read('--bar'),
    warm: read('--amber'),
  };
  probe.remove();
  return colours;
}
