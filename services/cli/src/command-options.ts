// Owns the options that many commands take.
import { Option } from 'commander';

export const jsonOption = (): Option => new Option('--json', 'print one JSON value');
export const yesOption = (): Option =>
  new Option('--yes', 'do not ask; without it the name has to be typed');
