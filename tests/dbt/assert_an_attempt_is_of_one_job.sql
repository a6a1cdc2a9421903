-- What two jobs used is never one attempt: one of them would be lost.
select identities.run_id, identities.attempt, count(*) as jobs
from {{ ref("int_runs__identities") }} as identities
inner join
    {{ ref("run_sources") }} as sources on identities.source = sources.source_name
where sources.tells = 'job'
group by identities.run_id, identities.attempt
having count(*) > 1
