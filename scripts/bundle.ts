/**
 * Bundles the command line and its packages into dist/cli: what is published, and what the bench
 * measures. A part is loaded when its command is asked for. Why it is a bundle, and why some
 * packages stay outside: docs/decisions/0017.
 */
import { fileURLToPath } from 'node:url';
import { build } from 'vite';
import { licences } from './licences.ts';

/** Packages that are native, or read files of their own beside their code. */
const EXTERNAL = ['@fastify/swagger-ui', '@node-rs/crc32', '@platformatic/wasm-utils'];

await build({
  root: fileURLToPath(new URL('..', import.meta.url)),
  configFile: false,
  logLevel: 'warn',
  ssr: { noExternal: true, external: EXTERNAL },
  plugins: [licences()],
  build: {
    ssr: 'src/cli/main.ts',
    // Every file lies in this folder, as deep as src/cli: files of ours are found from there.
    outDir: 'dist/cli',
    target: 'node24',
    minify: false,
    rolldownOptions: {
      output: {
        entryFileNames: '[name].js',
        chunkFileNames: '[name]-[hash].js',
        comments: false,
        // One other character makes V8 hold a file's whole text in two bytes a character.
        charset: 'ascii',
      },
    },
  },
});
