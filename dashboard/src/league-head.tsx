/** The head of the league table: every column that can be sorted by is a button. */
import { scaleText } from './format.ts';
import type { Sort, SortKey } from './league.ts';

type Props = { sort: Sort; onSort: (sort: Sort) => void; scale: number; narrow: boolean };

const COLUMNS: { key: SortKey | null; text: string; name: string; title?: string }[] = [
  { key: 'product', text: 'Product', name: 'product' },
  { key: 'ctr', text: 'CTR', name: 'rate number', title: 'Clicks per impression' },
  {
    key: 'ctr_low',
    text: '95 % interval',
    name: 'interval',
    title: 'Sorts by the lower end of the interval',
  },
  { key: 'change', text: 'Change', name: 'change number', title: 'Against the window before' },
  { key: 'impressions', text: 'Impressions', name: 'impressions number' },
  { key: 'clicks', text: 'Clicks', name: 'clicks number' },
  { key: null, text: 'Last hour', name: 'spark' },
  { key: null, text: 'Status', name: 'status' },
];

export function LeagueHead({ sort, onSort, scale, narrow }: Props) {
  if (narrow) return <NarrowHead sort={sort} onSort={onSort} />;
  return (
    <div class="head" role="rowgroup">
      <div class="row" role="row" aria-rowindex={1}>
        {COLUMNS.map(({ key, text, name, title }) => (
          <div key={text} class={name} role="columnheader" aria-sort={ariaSort(sort, key)}>
            {key === null ? (
              text
            ) : (
              <button type="button" title={title} onClick={() => onSort(next(sort, key))}>
                {text}
                <span class="arrow" aria-hidden="true">
                  {sort.key === key ? (sort.descending ? '↓' : '↑') : ''}
                </span>
              </button>
            )}
            {name === 'interval' && <Scale end={scale} />}
          </div>
        ))}
      </div>
    </div>
  );
}

/** On a phone the columns are one, so a list says what to sort by. */
function NarrowHead({ sort, onSort }: Pick<Props, 'sort' | 'onSort'>) {
  const keys = COLUMNS.filter(({ key }) => key !== null) as { key: SortKey; text: string }[];
  return (
    <div class="head" role="rowgroup">
      <div class="row" role="row" aria-rowindex={1}>
        <div role="columnheader" class="sorter">
          <label>
            Sort by{' '}
            <select
              value={sort.key}
              onChange={(event) => {
                const key = event.currentTarget.value as SortKey;
                onSort({ key, descending: key !== 'product' });
              }}
            >
              {keys.map(({ key, text }) => (
                <option key={key} value={key}>
                  {text}
                </option>
              ))}
            </select>
          </label>
          <button
            type="button"
            class="small"
            onClick={() => onSort({ ...sort, descending: !sort.descending })}
          >
            {sort.descending ? 'largest first' : 'smallest first'}
          </button>
        </div>
      </div>
    </div>
  );
}

function Scale({ end }: { end: number }) {
  return (
    <span class="scale" title={`The bars reach from 0 to ${scaleText(end)} %`}>
      <i>0</i>
      <i>{scaleText(end)} %</i>
    </span>
  );
}

/** The other direction when the column is sorted by already; names begin with A. */
function next(sort: Sort, key: SortKey): Sort {
  if (sort.key === key) return { key, descending: !sort.descending };
  return { key, descending: key !== 'product' };
}

function ariaSort(sort: Sort, key: SortKey | null): 'ascending' | 'descending' | 'none' {
  if (key === null || sort.key !== key) return 'none';
  return sort.descending ? 'descending' : 'ascending';
}
