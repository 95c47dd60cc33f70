// What a user of the package writes in TypeScript. It is not run, only checked.

import { Waybook, WaybookProblem } from '@waybook/client';
import type { EstablishedInfo } from '@waybook/client';

export async function uses(place: Waybook): Promise<void> {
  const session: EstablishedInfo = await place.open({ title: 'film' }, {
    onProgress: ({ step }) => {
      if (step.kind === 'held') console.log(step.demand[0].text);
    },
  });
  const quality: string = session.quality;
  console.log(quality, session.urls?.path);
  // @ts-expect-error: a title is needed
  await place.open({});
  // @ts-expect-error: there is no such field
  console.log(session.price);
  try {
    await place.at('core').close(session.session);
  } catch (error) {
    if (error instanceof WaybookProblem) console.log(error.kind, error.refused[0].remedy);
  }
}
