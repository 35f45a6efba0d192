const words = (text: string): ReadonlySet<string> => new Set(text.split(/\s+/).filter((word) => word !== ""));

/** Keywords that stand before a parenthesis without calling anything. */
export const SQL_KEYWORDS = words(`
  all and any array as between by case cross cube distinct else escape except exists filter first from full group
  grouping having ilike in inner intersect is join lateral left like limit materialized natural next not offset on or
  order outer over partition right rollup row select sets similar some symmetric then to union using values when
  where within window
`);

/** Functions that can run for any time: only where a statement timeout ends them. */
export const UNBOUNDED_FUNCTIONS = words("generate_series");

/**
 * Functions that a query may call, and types that take a length. None of them writes, locks, waits, reads a table or a file
 * by name, or makes much out of little (`repeat`, `lpad` and `format` do).
 */
export const SQL_FUNCTIONS = words(`
  count sum avg min max array_agg string_agg json_agg jsonb_agg json_object_agg jsonb_object_agg bool_and bool_or every
  stddev stddev_pop stddev_samp variance var_pop var_samp percentile_cont percentile_disc mode corr
  row_number rank dense_rank percent_rank cume_dist ntile lag lead first_value last_value nth_value
  abs ceil ceiling floor round trunc mod power sqrt exp ln log sign div greatest least width_bucket
  lower upper length char_length character_length octet_length substr substring position strpos trim ltrim rtrim btrim
  split_part replace reverse concat concat_ws starts_with initcap md5 sha256 encode decode
  regexp_replace regexp_match regexp_matches
  coalesce nullif cast extract now date_trunc date_part age to_char to_timestamp to_date to_number make_date
  make_interval justify_days justify_hours date_bin clock_timestamp statement_timestamp
  jsonb_each jsonb_each_text json_each json_each_text jsonb_array_elements jsonb_array_elements_text jsonb_object_keys
  jsonb_array_length jsonb_typeof jsonb_extract_path jsonb_extract_path_text jsonb_build_object jsonb_build_array
  json_build_object json_build_array to_json to_jsonb row_to_json jsonb_pretty jsonb_strip_nulls
  unnest cardinality array_length array_to_string string_to_array array_position
  numeric decimal varchar char character bit interval timestamp timestamptz time float
`);
