-- Google Cloud's bill in FOCUS, our names and units. One row per line, and one more per
-- credit on it.
select *
from {{ ref("stg_gcp_billing__cost_charges") }}
union all
select *
from {{ ref("stg_gcp_billing__credit_charges") }}
