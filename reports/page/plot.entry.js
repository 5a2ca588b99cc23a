// What the month's page uses of Observable Plot. plot.js beside it is this file with all that it needs, made by
//     npm install @observablehq/plot@0.6.17 esbuild@0.28.2
//     npx esbuild plot.entry.js --bundle --minify --format=iife --global-name=Plot --legal-comments=none --target=es2020 --outfile=plot.js
// and with the licences of all that is in it put before it.
export {barX, barY, lineY, plot, pointerX, ruleX, ruleY, text, tip} from "@observablehq/plot";
