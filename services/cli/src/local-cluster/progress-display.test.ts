import { describe, expect, it } from 'vitest';
import { ProgressDisplay } from './progress-display.ts';

function anOutput(columns = 80) {
  let written = '';
  return {
    columns,
    write: (text: string) => {
      written += text;
    },
    take: () => {
      const taken = written;
      written = '';
      return taken;
    },
  };
}

describe('ProgressDisplay', () => {
  it('writes plain lines every two seconds off a terminal', () => {
    const output = anOutput();
    const display = new ProgressDisplay(output, false);
    display.show(['batch 1'], 0);
    display.show(['batch 2'], 1999);
    display.show(['batch 3'], 2000);
    expect(output.take()).toBe('batch 1\nbatch 3\n');
  });

  it('draws over its own lines on a terminal, cut to its width', () => {
    const output = anOutput(8);
    const display = new ProgressDisplay(output, true);
    display.show(['one', 'a line that is long'], 0);
    expect(output.take()).toBe('\u001b[2Kone\n\u001b[2Ka line \n');
    display.show(['two'], 1);
    expect(output.take()).toBe('\u001b[2A\u001b[2K\n\u001b[2K\n\u001b[2A\u001b[2Ktwo\n');
  });

  it('keeps notes above the status lines, and what was drawn last once finished', () => {
    const output = anOutput();
    const display = new ProgressDisplay(output, true);
    display.show(['one'], 0);
    output.take();
    display.note('agent-1 ended');
    expect(output.take()).toBe('\u001b[1A\u001b[2K\n\u001b[1Aagent-1 ended\n');
    display.show(['one'], 1);
    display.finish();
    output.take();
    display.note('done');
    expect(output.take()).toBe('done\n');
  });
});
