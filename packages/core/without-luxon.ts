/** Stands for luxon under cron's parser, which only asks whether an expression is one of its dates. */
export class DateTime {}
