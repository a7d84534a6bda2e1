// Owns the page of agents: as a list, or each a cell of a grid whose colour is how full it is.
import { askHere, place } from '../navigation.ts';
import { DataTable } from '../parts/data-table.tsx';
import { HeatGrid } from '../parts/heat-grid.tsx';
import { AGENT_COLUMNS, agentKeyOf } from './columns.tsx';

export function Agents() {
  const isGrid = place.value.query['as'] === 'grid';
  return (
    <>
      <h1>Agents</h1>
      <fieldset class="links" aria-label="how they are shown">
        <button type="button" aria-pressed={!isGrid} onClick={() => askHere({ as: undefined })}>
          list
        </button>
        <button type="button" aria-pressed={isGrid} onClick={() => askHere({ as: 'grid' })}>
          grid
        </button>
      </fieldset>
      {isGrid ? (
        <HeatGrid />
      ) : (
        <DataTable
          isMain
          list="agents"
          label="agents"
          columns={AGENT_COLUMNS}
          keyOf={agentKeyOf}
          sort="agentId"
          empty={{
            words: 'No agent has registered. To start a cluster of one host:',
            command: 'npm start',
          }}
        />
      )}
    </>
  );
}
