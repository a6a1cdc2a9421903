-- The charges of all bills, in FOCUS. One row per charge.
{{ config(materialized="view") }} select * from {{ ref("stg_focus__charges") }}
