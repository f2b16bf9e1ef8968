// Texts that try to be more than text. Each script among them, should it ever run, sets `window.ran` or says so in a dialog.

const RUN = "window.ran=1";

/** Markup, scripts, links, ends of the elements that a text may stand in, templates. */
export const MARKUP = [
  `<script>${RUN}</script>`,
  `</script><script>${RUN};alert(1)</script>`,
  `</SCRIPT ><svg/onload=${RUN}>`,
  `"><img src=x onerror=${RUN}>`,
  `'><img src=http://forensic.invalid/x onerror=${RUN}>`,
  `<!--<script>${RUN}</script>-->`,
  "<!--",
  "--><b>",
  "]]>",
  `</title></style></textarea></pre><iframe src="javascript:${RUN}">`,
  `<a href="javascript:${RUN}">link</a>`,
  `javascript:${RUN}`,
  `[link](javascript:${RUN})`,
  `![image](http://forensic.invalid/image)`,
  "<meta http-equiv=refresh content='0;url=http://forensic.invalid/'>",
  "<base href=http://forensic.invalid/>",
  "<form action=http://forensic.invalid/><button>x</button></form>",
  "<link rel=stylesheet href=http://forensic.invalid/x.css>",
  "<style>*{display:none}</style>",
  "` + alert(1) + `${alert(1)}",
  "${window.ran=1}",
  "{{constructor.constructor('window.ran=1')()}}",
  "&lt;script&gt;&#60;b&#62;&quot;",
  "#?stage=x&find=<script>",
];

/** Names that mean something to JavaScript. */
export const WORDS = ["__proto__", "constructor", "prototype", "toString", "hasOwnProperty", "then", "null", "undefined", "NaN", "-1", "0", ""];

/** What changes how the text around it is shown, or can't be shown. */
export const INVISIBLE = ["\u202Eevil\u202C", "\u2066left\u2069", "\u0000nul", "\u0007bell\u001B[31mred", "\u200B\u200D\uFEFF", "line\u2028break\u2029end", "a\r\nb\tc", "\uFFFD\uD83D\uDE00", "e\u0301".repeat(20), "\u0E49".repeat(200)];

/** What a spreadsheet would compute. */
export const FORMULAS = ['=HYPERLINK("http://forensic.invalid","x")', "+1+1", "-2+3", "@SUM(A1)", "\t=1+1", "\r=1+1", '"=1+1', "=1;2,3"];

/** Longer than anybody would read. */
export const LONG = ["x".repeat(100_000), "long words ".repeat(5_000), "/".repeat(10_000)];

/** All of them. */
export const CORPUS = [...MARKUP, ...WORDS, ...INVISIBLE, ...FORMULAS, ...LONG];
