import { expect, test } from 'vitest';
import { addressOf, PAGES, type PageName, readPlace } from './place.ts';

test.each(Object.keys(PAGES) as PageName[])('the address of %s leads back to it', (page) => {
  const names = { principal: 'alice', frameworkId: 'a/b c', taskId: '100%?', agentId: 'a.1' };
  const read = readPlace(addressOf(page, names, { at: '12', filter: 'state:running x&y' }));
  expect(read.page).toBe(page);
  expect(read.query).toStrictEqual({ at: '12', filter: 'state:running x&y' });
  for (const [name, value] of Object.entries(read.names))
    expect(names).toMatchObject({ [name]: value });
});

test('what is not asked for is not in the address', () => {
  expect(addressOf('tasks', {}, { filter: '', at: undefined })).toBe('/ui/tasks');
  expect(addressOf('overview')).toBe('/');
});

test('an address of no page says so, also one that is badly written', () => {
  expect(readPlace('/ui/nothing').page).toBeUndefined();
  expect(readPlace('/ui/agents/%E0%A4%A')).toMatchObject({
    page: 'agent',
    names: { agentId: '%E0%A4%A' },
  });
});
