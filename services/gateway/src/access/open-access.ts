// Owns access where nobody has to sign in: everybody may do everything. Only for a gateway on loopback (config.ts).
import { succeed } from '@parley/protocol/errors';
import { type Access, ALL_PERMISSIONS, type Visitor } from './visitor.ts';

const ANYBODY: Visitor = {
  name: 'anybody',
  principal: undefined,
  permissions: ALL_PERMISSIONS,
};

export const openAccess: Access = {
  visitorOf: async () => succeed(ANYBODY),
  stillBehind: () => () => ANYBODY,
};
