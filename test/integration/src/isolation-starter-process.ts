// A process that starts a private systemd and then waits to be killed: the tests' stand-in for a `parley` that
// dies. Its arguments are the state directory and the name; it prints the systemd's pid, on one line.

import { startPrivateSystemd } from '@parley/isolation/private-systemd';

const [, , stateDirectory = '', name = ''] = process.argv;
const systemd = await startPrivateSystemd({ stateDirectory, name });
process.stdout.write(`${systemd.pid}\n`);
setInterval(() => {}, 60_000);
