// Owns what other messages are made of: ids, moments, addresses, labels, the values of resources and attributes.
import {
  enumeration,
  type MessageType,
  map,
  message,
  optional,
  repeated,
  required,
} from '../message-type.ts';

const id = message({ value: required(1, 'string') });
export const FrameworkID = id;
export const OfferID = id;
export const AgentID = id;
export const TaskID = id;
export const ExecutorID = id;
export const ResourceProviderID = id;
export const OperationID = id;

export type ContainerID = { readonly value: string; readonly parent?: ContainerID | undefined };
export const ContainerID: MessageType<ContainerID> = message({
  value: required(1, 'string'),
  get parent() {
    return optional(2, ContainerID);
  },
});

export const TimeInfo = message({ nanoseconds: required(1, 'int64') });
export const DurationInfo = message({ nanoseconds: required(1, 'int64') });
/** google.protobuf.Duration, which one call of the operators takes. */
export const Duration = message({ seconds: optional(1, 'int64'), nanos: optional(2, 'int32') });
export const Unavailability = message({
  start: required(1, TimeInfo),
  duration: optional(2, DurationInfo),
});

export const UUID = message({ value: required(1, 'bytes') });

export const Parameter = message({ key: required(1, 'string'), value: required(2, 'string') });
export const Parameters = message({ parameter: repeated(1, Parameter) });
const Label = message({ key: required(1, 'string'), value: optional(2, 'string') });
export const Labels = message({ labels: repeated(1, Label) });

export const Address = message({
  hostname: optional(1, 'string'),
  ip: optional(2, 'string'),
  port: required(3, 'int32'),
});
export const URL = message({
  scheme: required(1, 'string'),
  address: required(2, Address),
  path: optional(3, 'string'),
  query: repeated(4, Parameter),
  fragment: optional(5, 'string'),
});

export const MachineID = message({ hostname: optional(1, 'string'), ip: optional(2, 'string') });

export const DomainInfo = message({
  fault_domain: optional(
    1,
    message({
      region: required(1, message({ name: required(1, 'string') })),
      zone: required(2, message({ name: required(1, 'string') })),
    }),
  ),
});

export const Scalar = message({ value: required(1, 'double') });
const Range = message({ begin: required(1, 'uint64'), end: required(2, 'uint64') });
export const Ranges = message({ range: repeated(1, Range) });
export const StringSet = message({ item: repeated(1, 'string') });
const Text = message({ value: required(1, 'string') });
export const ValueType = enumeration({ SCALAR: 0, RANGES: 1, SET: 2, TEXT: 3 });

export const Attribute = message({
  name: required(1, 'string'),
  type: required(2, ValueType),
  scalar: optional(3, Scalar),
  ranges: optional(4, Ranges),
  set: optional(6, StringSet),
  text: optional(5, Text),
});

export const Credential = message({
  principal: required(1, 'string'),
  secret: optional(2, 'string'),
});
export const Secret = message({
  type: optional(1, enumeration({ UNKNOWN: 0, REFERENCE: 1, VALUE: 2 })),
  reference: optional(2, message({ name: required(1, 'string'), key: optional(2, 'string') })),
  value: optional(3, message({ data: required(1, 'bytes') })),
});

export const OfferFilters = message({
  min_allocatable_resources: optional(
    1,
    message({ quantities: repeated(1, message({ quantities: map(1, Scalar) })) }),
  ),
});
export const Filters = message({ refuse_seconds: optional(1, 'double', { default: 5 }) });
export const WeightInfo = message({ weight: required(1, 'double'), role: optional(2, 'string') });
