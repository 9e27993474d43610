with origins as (

    select * from {{ ref('origins_to_build') }}

),

sold_series as (

    select * from {{ ref('sold_series') }}

),

stores as (

    select * from {{ ref('stores_declared') }}

),

products as (

    select * from {{ ref('products_declared') }}

),

declared_sources as (

    select * from {{ ref('declared_sources') }}

),

listed as (

    select
        'store' as kind,
        source,
        store_id as listed_id,
        listed_on,
        min(listed_on) over (partition by source) as first_list_on
    from stores
    union all
    select
        'product' as kind,
        source,
        product_id as listed_id,
        listed_on,
        min(listed_on) over (partition by source) as first_list_on
    from products

),

sold_members as (

    select distinct
        cutoff_on,
        'store' as kind,
        store_id as sold_id
    from sold_series
    union all
    select distinct
        cutoff_on,
        'product' as kind,
        product_id as sold_id
    from sold_series

),

waiting as (

    -- listed within the weeks that it counts as new, and not sold yet as far as known
    select
        origins.cutoff_on,
        listed.kind,
        listed.source,
        listed.listed_id
    from listed
    inner join declared_sources on listed.source = declared_sources.source
    inner join origins
        on
            listed.listed_on <= origins.cutoff_on
            and listed.listed_on > origins.cutoff_on - 7 * declared_sources.new_weeks
    left join sold_members
        on
            origins.cutoff_on = sold_members.cutoff_on
            and listed.kind = sold_members.kind
            and listed.listed_id = sold_members.sold_id
    where
        listed.listed_on > listed.first_list_on
        and sold_members.sold_id is null

),

established as (

    select
        cutoff_on,
        source,
        product_id,
        store_id
    from sold_series
    where
        left_out_reason is null
        and not is_new

),

totals as (

    select
        cutoff_on,
        source,
        count(distinct product_id) as products,
        count(distinct store_id) as stores
    from established
    group by cutoff_on, source

),

usual_products as (

    select
        established.cutoff_on,
        established.source,
        established.product_id
    from established
    inner join totals
        on
            established.cutoff_on = totals.cutoff_on
            and established.source = totals.source
    group by established.cutoff_on, established.source, established.product_id
    having 2 * count(*) >= min(totals.stores)

),

usual_stores as (

    select
        established.cutoff_on,
        established.source,
        established.store_id
    from established
    inner join totals
        on
            established.cutoff_on = totals.cutoff_on
            and established.source = totals.source
    group by established.cutoff_on, established.source, established.store_id
    having 2 * count(*) >= min(totals.products)

),

listed_series as (

    select
        ---------- ids
        usual_products.product_id,
        waiting.listed_id as store_id,
        waiting.source,

        ---------- dates
        waiting.cutoff_on
    from waiting
    inner join usual_products
        on
            waiting.cutoff_on = usual_products.cutoff_on
            and waiting.source = usual_products.source
    where waiting.kind = 'store'

    union all

    select
        waiting.listed_id as product_id,
        usual_stores.store_id,
        waiting.source,
        waiting.cutoff_on
    from waiting
    inner join usual_stores
        on
            waiting.cutoff_on = usual_stores.cutoff_on
            and waiting.source = usual_stores.source
    where
        waiting.kind = 'product'
        and not {{ feature_is_excluded('waiting.source', 'waiting.listed_id') }}

)

select * from listed_series
