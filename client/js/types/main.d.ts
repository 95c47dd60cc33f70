// The client, and the forms that it sends and gets. The rest of this folder is made by `npm run types`.
export * from './index.js';
export type * from './forms.js';
