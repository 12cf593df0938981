/** One row of the league table. */
import { createRef } from 'preact';
import { Bar } from './bar.tsx';
import { clock, count, DASH, percent, percents, points, short } from './format.ts';
import { difference } from './league.ts';
import { nameText } from './raw.ts';
import { productHash } from './route.ts';
import { Sparkline } from './sparkline.tsx';
import type { Spark } from './sparks.ts';
import { Steady } from './steady.ts';
import type { Live, Row } from './types.ts';

type Props = {
  row: Row;
  index: number;
  top: number;
  real: number;
  scale: number;
  isFinal: boolean;
  newest: number | null;
  selected: boolean;
  spark: Spark | null;
};

export class LeagueRow extends Steady<Props> {
  readonly #rate = createRef<HTMLSpanElement>();

  /** A rate that changed flashes once. */
  override componentDidUpdate(before: Props): void {
    const { latest } = this.props.row;
    const was = before.row.latest;
    if (latest?.ctr === was?.ctr && latest?.window_start === was?.window_start) return;
    if (matchMedia('(prefers-reduced-motion: reduce)').matches) return;
    this.#rate.current?.animate([{ backgroundColor: 'var(--flash)' }, {}], 900);
  }

  override render({ row, index, top, real, scale, isFinal, newest, selected, spark }: Props) {
    const { product_id: product, latest } = row;
    const few = latest?.few ?? true;
    return (
      <div
        class={`row ${few ? 'few' : ''} ${selected ? 'selected' : ''}`}
        role="row"
        aria-rowindex={index + 2}
        style={{ transform: `translateY(${top}px)` }}
      >
        <div class="product" role="rowheader">
          <a href={productHash(product)} title={nameText(product)} dir="auto">
            {nameText(product)}
          </a>
          {few && latest !== null && <small class="tag">few views</small>}
        </div>
        <div class="rate number" role="cell">
          <span ref={this.#rate}>
            {percent(latest?.ctr ?? null)}
            {latest?.ctr != null && <small> %</small>}
          </span>
        </div>
        <div class="interval" role="cell" title={intervalText(latest)}>
          <Bar latest={latest} scale={scale} />
        </div>
        <div class="change number" role="cell">
          <Change row={row} real={real} />
        </div>
        <div class="impressions number" role="cell" title={exact(latest?.impressions)}>
          {latest === null ? DASH : short(latest.impressions)}
          <small class="unit"> imp</small>
        </div>
        <div class="clicks number" role="cell" title={exact(latest?.clicks)}>
          {latest === null ? DASH : short(latest.clicks)}
          <small class="unit"> clicks</small>
        </div>
        <div class="spark" role="cell">
          <Sparkline
            rates={spark?.rates ?? null}
            newest={latest?.ctr ?? null}
            span={intervalOf(latest)}
          />
        </div>
        <div class="status" role="cell">
          <Status latest={latest} isFinal={isFinal} newest={newest} />
        </div>
      </div>
    );
  }
}

/** What is told beside a count that is shown shortened. */
function exact(n: number | undefined): string | undefined {
  return n === undefined || short(n) === count(n) ? undefined : count(n);
}

/** What is within it may well be chance, so the last hour is drawn beside it. */
function intervalOf(latest: Live | null): [number, number] | undefined {
  const { ctr_low: low, ctr_high: high } = latest ?? {};
  return low == null || high == null ? undefined : [low, high];
}

function intervalText(latest: Live | null): string {
  if (latest === null || latest.ctr_low === null) return '';
  return `${percents(latest.ctr_low, latest.ctr_high)} %`;
}

function Change({ row, real }: { row: Row; real: number }) {
  const change = difference(row);
  if (change === null)
    return (
      <span class="delta muted">
        {DASH}
        <b aria-hidden="true" />
      </span>
    );
  const isReal = row.p_value !== null && row.p_value <= real;
  return <Delta change={change} isReal={isReal} />;
}

/** Direction, size in percentage points, and a star where chance is not a likely reason. */
export function Delta({ change, isReal }: { change: number; isReal: boolean }) {
  const text = points(change);
  const [mark, way] = text === '0.00' ? [DASH, ''] : change > 0 ? ['▲', 'up '] : ['▼', 'down '];
  const said = isReal ? 'a real change' : 'may well be chance';
  const tone = !isReal ? 'muted' : change > 0 ? 'up' : 'down';
  return (
    <span class={`delta ${tone}`} title={said}>
      <span aria-hidden="true">{mark} </span>
      <span class="hidden">{way}</span>
      {text}
      <small> pt</small>
      <b aria-hidden="true">{isReal ? '*' : ''}</b>
      {isReal && <span class="hidden">, {said}</span>}
    </span>
  );
}

type StatusProps = { latest: Live | null; isFinal: boolean; newest: number | null };

function Status({ latest, isFinal, newest }: StatusProps) {
  if (latest === null) return null;
  const older = newest !== null && latest.window_start < newest;
  return (
    <>
      <span
        class={isFinal ? 'final' : 'provisional'}
        title={isFinal ? 'No late event can change it' : 'A late event may still change it'}
      >
        {isFinal ? '✓ final' : '… provisional'}
      </span>{' '}
      {older && (
        <small title="Its newest window is an older one">{clock(latest.window_start)}</small>
      )}
    </>
  );
}
