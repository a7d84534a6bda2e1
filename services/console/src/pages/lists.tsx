// Owns the pages that are one list each.
import { DataTable } from '../parts/data-table.tsx';
import { frameworkKeyOf, TASK_COLUMNS, taskKeyOf } from './columns.tsx';
import { FRAMEWORK_COLUMNS } from './framework-columns.tsx';

const RUN = "npx parley run -- sh -c 'echo hello'";

export const Frameworks = () => (
  <>
    <h1>Frameworks</h1>
    <DataTable
      isMain
      list="frameworks"
      label="frameworks"
      columns={FRAMEWORK_COLUMNS}
      keyOf={frameworkKeyOf}
      empty={{ words: 'No framework is there. To start one:', command: RUN }}
    />
  </>
);

export const Tasks = () => (
  <>
    <h1>Tasks</h1>
    <DataTable
      isMain
      list="tasks"
      label="tasks"
      columns={TASK_COLUMNS}
      keyOf={taskKeyOf}
      sort="-launchedAtMs"
      empty={{ words: 'No task is there. To start one:', command: RUN }}
    />
  </>
);
