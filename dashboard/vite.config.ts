import { defineConfig } from 'vite';
import { licences } from '../scripts/licences.ts';

/** Built into dist/page, where `src/api/page.ts` finds it from the sources and from the package. */
export default defineConfig({
  root: import.meta.dirname,
  base: '/',
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  plugins: [licences()],
  // `npx vite dashboard` beside a running `npm start`: the page is drawn again at each change.
  server: { proxy: { '/v1': 'http://127.0.0.1:8000' } },
  build: {
    outDir: '../dist/page',
    emptyOutDir: true,
    target: 'es2022',
    // The policy of the page allows no data: scripts or styles, so everything stays a file.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    cssCodeSplit: false,
    reportCompressedSize: false,
    // A slow machine is no warning to whoever starts the server.
    rolldownOptions: { checks: { pluginTimings: false } },
  },
});
