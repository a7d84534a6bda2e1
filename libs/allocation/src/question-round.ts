// Owns the order in which clients are asked whether they take something of an agent, down the tree: first those below a
// guarantee that is not met, as long as what they take serves it, then everybody; among siblings by weighted DRF.
import type { Quota } from './quota.ts';
import type { Branch, Client, Member } from './share-tree.ts';

/** Who is asked. `unmet`: only a taking that serves this guarantee is wanted. The value: whether it takes. */
export type Asking = { ask(client: Client, unmet: Quota | undefined): boolean };

/** Which of the active members of a branch are asked, in order; in blocks, for loops that must not cost anything. */
type Asked = {
  all(branch: Branch): readonly (readonly Member[])[];
  /** Those at or below which a guarantee is not met. */
  needy(branch: Branch): readonly (readonly Member[])[];
};

export const EVERYBODY: Asked = {
  all: ({ members }) => members.inOrder.blocks,
  needy: ({ members }) => members.needy.blocks,
};

/** A few clients: their siblings are not even looked at. */
export class Few implements Asked {
  readonly #below = new Map<Branch, Member[]>();

  /** Of active clients, each once. */
  add(client: Client): void {
    let member: Member = client;
    for (let branch = client.above; branch !== undefined; branch = branch.above) {
      const members = this.#below.get(branch);
      if (members !== undefined) {
        members.push(member);
        return;
      }
      this.#below.set(branch, [member]);
      member = branch;
    }
  }

  all(branch: Branch): readonly (readonly Member[])[] {
    const members = this.#below.get(branch);
    if (members === undefined) return [];
    if (members.length > 1) branch.members.sort(members);
    return [members];
  }

  needy(branch: Branch): readonly (readonly Member[])[] {
    if (branch.unmet === 0) return [];
    return this.all(branch).map((members) => members.filter(({ isNeedy }) => isNeedy));
  }
}

/** Asks one after the other until somebody takes; nothing may change meanwhile. The value: whether somebody does. */
export function ask(root: Branch, asked: Asked, asking: Asking): boolean {
  return (root.unmet > 0 && askNeedy(root, asked, asking)) || askAll(root, asked, { asking });
}

/** Those below a guarantee that is not met, whether it is theirs or that of somebody above them. */
function askNeedy(branch: Branch, asked: Asked, asking: Asking): boolean {
  for (const block of asked.needy(branch)) {
    for (const member of block) {
      const takes =
        member.kind === 'client'
          ? asking.ask(member, member.framework.quota)
          : askNeedy(member, asked, asking) ||
            (member.isUnmet && askAll(member, asked, { asking, unmet: member.quota }));
      if (takes) return true;
    }
  }
  return false;
}

type Question = { readonly asking: Asking; readonly unmet?: Quota | undefined };

function askAll(branch: Branch, asked: Asked, question: Question): boolean {
  for (const block of asked.all(branch)) {
    for (const member of block) {
      const takes =
        member.kind === 'client'
          ? question.asking.ask(member, question.unmet)
          : askAll(member, asked, question);
      if (takes) return true;
    }
  }
  return false;
}
