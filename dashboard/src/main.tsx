import { render } from 'preact';
import { App } from './app.tsx';
import { Link } from './link.ts';
import { Model } from './model.ts';
import { applyTheme, savedTheme } from './theme.ts';

applyTheme(savedTheme());

const model = new Model();
const link = new Link(
  '/v1/stream',
  (event) => model.take(event),
  (state) => model.setLink(state),
);
const again = () => link.retryNow();
addEventListener('online', again);
const onVisibility = () => {
  link.setHidden(document.hidden);
  if (document.hidden) model.hidden();
};
document.addEventListener('visibilitychange', onVisibility);
// A tab may be opened in the background.
onVisibility();
void link.run();

render(<App model={model} retry={again} />, document.getElementById('app') as HTMLElement);
