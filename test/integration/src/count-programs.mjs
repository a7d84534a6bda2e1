// Notes the programs that a Node process starts, a line each, in the file that PROGRAMS_FILE names. A test puts it into an agent
// with `node --import`; the agent knows nothing of it.
// @ts-nocheck: it patches what Node does not declare.
import childProcess, { ChildProcess } from 'node:child_process';
import { appendFileSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

const file = process.env['PROGRAMS_FILE'];

function note(program) {
  appendFileSync(file, `${program}\n`);
}

const { spawn } = ChildProcess.prototype;
ChildProcess.prototype.spawn = function noting(options) {
  note(options.file);
  return spawn.call(this, options);
};

for (const name of ['spawnSync', 'execFileSync', 'execSync']) {
  const start = childProcess[name];
  childProcess[name] = (program, ...rest) => {
    note(program);
    return start(program, ...rest);
  };
}
syncBuiltinESMExports();
