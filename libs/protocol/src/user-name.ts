// Owns how a user of an agent's host is named: by the name that the host gives it, never by a number.
import * as z from 'zod';

/** As useradd(8) takes them, and with capitals and dots, which directories of users have. */
export const UserName = z
  .string()
  .regex(
    /^[A-Za-z_][A-Za-z0-9_.-]{0,31}$/,
    'must be 1 to 32 of A-Z a-z 0-9 _ . - and begin with a letter or _',
  );
