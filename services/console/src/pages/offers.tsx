// Owns the page of offers: those of now and of late as a list, and their lives as lines, one row for each agent.
import { useRows } from '../data/rows.ts';
import { askHere, place } from '../navigation.ts';
import { DataTable } from '../parts/data-table.tsx';
import { LifeLines } from '../parts/life-lines.tsx';
import { OFFER_COLUMNS, offerKeyOf } from './columns.tsx';

export function Offers() {
  const isLines = place.value.query['as'] === 'lines';
  return (
    <>
      <h1>Offers</h1>
      <fieldset class="links" aria-label="how they are shown">
        <button type="button" aria-pressed={!isLines} onClick={() => askHere({ as: undefined })}>
          list
        </button>
        <button type="button" aria-pressed={isLines} onClick={() => askHere({ as: 'lines' })}>
          lives
        </button>
      </fieldset>
      {isLines ? (
        <Lives />
      ) : (
        <DataTable
          isMain
          list="offers"
          label="offers"
          columns={OFFER_COLUMNS}
          keyOf={offerKeyOf}
          sort="-madeAtMs"
          empty={{
            words: 'Nothing was offered of late: nobody wants anything, or nothing is free.',
            command: 'npx parley explain framework PRINCIPAL/FRAMEWORK',
          }}
        />
      )}
    </>
  );
}

function Lives() {
  const page = useRows('offers', { sort: '-madeAtMs', limit: 1000 });
  return <LifeLines offers={page?.items ?? []} known={page?.total ?? 0} />;
}
