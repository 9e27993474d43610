{%- set daily = adapter.get_relation(this.database, this.schema, 'daily_sales_changes') -%}

with touched_lines as (

    select * from {{ ref('sales_events_touched') }}

),

files_to_load as (

    select * from {{ ref('files_to_load') }}

),

promotions as (

    select * from {{ ref('promotions_decided') }}

),

computed as (

    -- what earlier builds computed
    {% if daily is none -%}
    select
        cast(null as date) as sold_on,
        cast(null as date) as known_on
    where false
    {%- else -%}
    select distinct
        sold_on,
        known_on
    from {{ daily }}
    {%- endif %}

),

promoted_spans as (

    select distinct
        promotions.starts_on,
        promotions.ends_on
    from promotions
    inner join files_to_load
        on
            promotions.file_id = files_to_load.file_id
            and files_to_load.entity = 'promotions'

),

promoted_days as (

    {{ days_between('promoted_spans', [], 'starts_on', 'ends_on', 'day_on') }}

),

touched as (

    select sold_on as day_on
    from touched_lines
    union all
    -- what a build that was killed computed from the same files
    select computed.sold_on as day_on
    from computed
    semi join files_to_load
        on
            computed.known_on = files_to_load.known_on
            and files_to_load.entity = 'sales_events'
    union all
    select day_on
    from promoted_days

),

days as (

    select distinct day_on
    from touched

)

select * from days
