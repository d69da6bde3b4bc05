/** What the tests ask of a browser tab; Playwright's page (Chromium) and Puppeteer's (Firefox) both can. */
export interface Tab {
  goto(url: string): Promise<unknown>;
  reload(): Promise<unknown>;
  url(): string;
  click(selector: string): Promise<void>;
  evaluate<R>(fn: () => R | Promise<R>): Promise<R>;
  evaluate<R, A>(fn: (arg: A) => R | Promise<R>, arg: A): Promise<R>;
}

export const testid = (id: string): string => `[data-testid="${id}"]`;
