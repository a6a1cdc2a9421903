-- The charges of all bills, in FOCUS. One row per charge.
{{ config(materialized="view") }}
select *
from {{ ref("stg_focus__charges") }}
union all
select *
from {{ ref("stg_aws_cur__charges") }}
union all
select *
from {{ ref("stg_azure__charges") }}
union all
select *
from {{ ref("stg_gcp_billing__charges") }}
