with sales as (

    select * from {{ ref('sales_as_known') }}

),

sold as (

    select
        product_id,
        store_id,
        sold_on as first_sold_on,
        known_from,
        known_until,
        min(case when known_until = date '9999-12-31' then sold_on end) over (
            partition by product_id, store_id
            order by known_from, sold_on
            rows between unbounded preceding and 1 preceding
        ) as earlier_sold_on
    from sales
    where units > 0

),

first_sales_as_known as (

    -- a day that is known later than an earlier one, which nothing takes back, is never the first
    select
        ---------- ids
        product_id,
        store_id,

        ---------- dates
        first_sold_on,
        known_from,
        known_until
    from sold
    where
        earlier_sold_on is null
        or first_sold_on < earlier_sold_on

)

select * from first_sales_as_known
