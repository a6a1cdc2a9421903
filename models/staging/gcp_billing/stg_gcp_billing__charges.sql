-- Google Cloud's bill in FOCUS, our names and units: of usage cost exports one more
-- charge per credit, of FOCUS exports as they are. One row per charge.
select *
from {{ ref("stg_gcp_billing__cost_charges") }}
union all
select *
from {{ ref("stg_gcp_billing__credit_charges") }}
union all
select *
from {{ ref("stg_gcp_billing__focus_charges") }}
